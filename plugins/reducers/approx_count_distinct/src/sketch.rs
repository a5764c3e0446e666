//! HyperLogLog (Flajolet, Fusy, Gandouet, Meunier 2007) with hashes of 64 bits, and the hashes themselves while they are few (as HyperLogLog++
//! of Heule, Nunkesser, Hall 2013 keeps small sets).

use streamgauge_sdk::{Error, Reader, Stored, Writer};

use crate::estimate::estimate;

/// Bits of a hash that choose a register: 2^12 registers have a standard error of 1.04 / sqrt(2^12) = 1.6 %.
pub(crate) const INDEX_BITS: u32 = 12;
pub(crate) const REGISTERS: usize = 1 << INDEX_BITS;
/// The largest value of a register: all other bits are 0.
pub(crate) const RANK_MAX: u32 = u64::BITS - INDEX_BITS + 1;
/// The most hashes that are kept.
const HASHES_MAX: usize = 256;

/// A set of hashes. What it holds depends on the set alone, not on the order in which they came.
#[derive(Clone, Debug)]
pub(crate) enum Sketch {
    /// In ascending order, at most [`HASHES_MAX`].
    Few(Vec<u64>),
    /// For each register the greatest rank of its hashes: how many bits stand up to the first that is 1.
    Many(Box<[u8; REGISTERS]>),
}

impl Default for Sketch {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Sketch {
    /// Adds a hash.
    #[inline]
    pub(crate) fn add(&mut self, hash: u64) {
        match self {
            Self::Few(hashes) => {
                if let Err(place) = hashes.binary_search(&hash) {
                    hashes.insert(place, hash);
                    if hashes.len() > HASHES_MAX {
                        *self = Self::Many(registers(hashes));
                    }
                }
            }
            Self::Many(registers) => raise(registers, hash),
        }
    }

    /// Adds the hashes of another sketch.
    pub(crate) fn merge(&mut self, other: &Self) {
        match (&mut *self, other) {
            (_, Self::Few(hashes)) => hashes.iter().for_each(|&hash| self.add(hash)),
            (Self::Few(hashes), Self::Many(others)) => {
                let mut registers = others.clone();
                hashes.iter().for_each(|&hash| raise(&mut registers, hash));
                *self = Self::Many(registers);
            }
            (Self::Many(registers), Self::Many(others)) => {
                registers.iter_mut().zip(others.iter()).for_each(|(rank, &other)| *rank = (*rank).max(other));
            }
        }
    }

    /// How many hashes, nearly.
    pub(crate) fn count(&self) -> u64 {
        match self {
            Self::Few(hashes) => hashes.len() as u64,
            Self::Many(registers) => estimate(registers),
        }
    }
}

fn registers(hashes: &[u64]) -> Box<[u8; REGISTERS]> {
    let mut registers = Box::new([0; REGISTERS]);
    hashes.iter().for_each(|&hash| raise(&mut registers, hash));
    registers
}

/// The first bits of a hash choose the register, the others give the rank.
#[inline]
fn raise(registers: &mut [u8; REGISTERS], hash: u64) {
    let index = (hash >> (u64::BITS - INDEX_BITS)) as usize;
    let rank = ((hash << INDEX_BITS).leading_zeros() + 1).min(RANK_MAX) as u8;
    if let Some(register) = registers.get_mut(index) {
        *register = (*register).max(rank);
    }
}

impl Stored for Sketch {
    const BYTES_MAX: Option<u32> = Some(1 + REGISTERS as u32);

    fn write(&self, writer: &mut Writer<'_>) {
        match self {
            Self::Few(hashes) => {
                writer.u8(0);
                hashes.write(writer);
            }
            Self::Many(registers) => {
                writer.u8(1);
                writer.raw(registers.as_slice());
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let wrong = || Error::Corrupt("this is no sketch".into());
        match reader.u8()? {
            0 => {
                let hashes = Vec::<u64>::read(reader)?;
                let fits = hashes.len() <= HASHES_MAX && hashes.is_sorted_by(|a, b| a < b);
                if fits { Ok(Self::Few(hashes)) } else { Err(wrong()) }
            }
            1 => {
                let registers = <[u8; REGISTERS]>::read(reader)?;
                let fits = registers.iter().all(|&rank| u32::from(rank) <= RANK_MAX);
                if fits { Ok(Self::Many(Box::new(registers))) } else { Err(wrong()) }
            }
            _ => Err(wrong()),
        }
    }
}
