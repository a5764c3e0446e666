//! What is kept of the values: all of them while they are few, then their places, then how often each place occurs.
//!
//! A list of places is what most slices of a short slide are: to merge it is a step a value, not one a counter.
//!
//! Which of the two, and every number in it, depends on the values alone, not on the order in which they came or were
//! merged.

use streamgauge_sdk::{Error, Reader, Writer};

use crate::{
    block::{Block, PLACES},
    place::{RANGE, middle, place},
};

/// So many values are kept as they are.
const EXACT_MAX: usize = 256;
/// So many places are kept as they are: 8 KiB, about what the blocks of as many values take.
const LISTED_MAX: usize = 2048;

/// The numbers of the least and the greatest block.
const FIRST: i32 = *RANGE.start() >> PLACES.trailing_zeros();
const LAST: i32 = *RANGE.end() >> PLACES.trailing_zeros();

/// What a state takes at most: every block, with counters of 64 bits.
pub(crate) const BYTES_MAX: u32 = (LAST - FIRST + 1) as u32 * (PLACES * 8 + 256);

/// The values of a slot.
#[derive(Clone, Debug)]
pub(crate) enum State {
    /// Up to [`EXACT_MAX`] values as [`order`] numbers.
    Few(Vec<i64>),
    /// More of them.
    Many(Box<Counts>),
}

/// How often each place occurs.
#[derive(Clone, Debug)]
pub(crate) struct Counts {
    /// The least and the greatest value as [`order`] numbers.
    least: i64,
    greatest: i64,
    /// The number of the first of `blocks`.
    first: i32,
    /// Blocks with consecutive numbers; those without a value are not there.
    blocks: Vec<Option<Box<Block>>>,
    /// While there is no block: the places of all values, as they came.
    listed: Vec<i32>,
}

impl Default for State {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl State {
    /// How many values.
    pub(crate) fn count(&self) -> u64 {
        match self {
            Self::Few(values) => values.len() as u64,
            Self::Many(counts) => counts.count(),
        }
    }

    /// Takes in a value.
    #[inline]
    pub(crate) fn add(&mut self, value: f64) {
        match self {
            Self::Many(counts) => counts.add(value),
            Self::Few(values) if values.len() < EXACT_MAX => push(values, order(value)),
            Self::Few(_) => self.many().add(value),
        }
    }

    /// Takes in the values of another.
    pub(crate) fn merge(&mut self, other: &Self) {
        match (&mut *self, other) {
            (Self::Few(values), Self::Few(others)) if values.len() + others.len() <= EXACT_MAX => {
                values.reserve_exact(others.len());
                values.extend_from_slice(others);
            }
            (_, Self::Few(others)) => {
                let counts = self.many();
                others.iter().for_each(|&value| counts.add(double(value)));
            }
            (_, Self::Many(others)) => self.many().merge(others),
        }
    }

    /// The value of this rank, from 1 to the count; none if there is no value.
    pub(crate) fn at(&self, rank: u64) -> Option<f64> {
        match self {
            Self::Few(values) if values.is_empty() => None,
            Self::Few(values) => {
                let index = (rank as usize).clamp(1, values.len()) - 1;
                let (_, &mut value, _) = values.clone().select_nth_unstable(index);
                Some(double(value))
            }
            Self::Many(counts) => Some(counts.at(rank)),
        }
    }

    /// The counts, made from the values if need be.
    #[cold]
    fn many(&mut self) -> &mut Counts {
        if let Self::Few(values) = self {
            let mut counts = Counts::between(i64::MAX, i64::MIN);
            values.iter().for_each(|&value| counts.add(double(value)));
            *self = Self::Many(Box::new(counts));
        }
        match self {
            Self::Many(counts) => counts,
            Self::Few(_) => unreachable!("they were counted"),
        }
    }

    /// Writes a state: equal values, equal bytes.
    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        match self {
            Self::Few(values) => {
                let mut values = values.clone();
                values.sort_unstable();
                writer.u8(0);
                values.iter().for_each(|&value| writer.i64(value));
            }
            Self::Many(counts) => {
                writer.u8(1);
                counts.write(writer);
            }
        }
    }

    /// Reads a state.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        match reader.u8()? {
            0 => {
                let mut values = Vec::new();
                while !reader.is_empty() {
                    if values.len() == EXACT_MAX {
                        return Err(corrupt("too many values"));
                    }
                    push(&mut values, reader.i64()?);
                }
                Ok(Self::Few(values))
            }
            1 => Ok(Self::Many(Box::new(Counts::read(reader)?))),
            _ => Err(corrupt("neither values nor counts")),
        }
    }
}

impl Counts {
    /// No value yet, between these.
    fn between(least: i64, greatest: i64) -> Self {
        Self { least, greatest, first: 0, blocks: Vec::new(), listed: Vec::new() }
    }

    /// How many values.
    fn count(&self) -> u64 {
        self.listed.len() as u64 + self.numbered().map(|(_, block)| block.count()).sum::<u64>()
    }

    #[inline]
    fn add(&mut self, value: f64) {
        let order = order(value);
        self.least = self.least.min(order);
        self.greatest = self.greatest.max(order);
        self.add_place(place(value));
    }

    #[inline]
    fn add_place(&mut self, place: i32) {
        if self.blocks.is_empty() && self.listed.len() < LISTED_MAX {
            self.listed.push(place);
            return;
        }
        let (number, within) = split(place);
        match self.blocks.get_mut((number - self.first) as usize) {
            Some(Some(block)) => block.add(within),
            _ => self.add_apart(number, within),
        }
    }

    /// Adds to a block that is not there yet.
    #[cold]
    fn add_apart(&mut self, number: i32, within: u32) {
        self.spread();
        self.block(number).add(within);
    }

    /// Counts what was listed.
    fn spread(&mut self) {
        for place in std::mem::take(&mut self.listed) {
            let (number, within) = split(place);
            self.block(number).add(within);
        }
    }

    /// The block of a number, made if need be.
    #[cold]
    fn block(&mut self, number: i32) -> &mut Block {
        self.reach(number);
        let index = (number - self.first) as usize;
        #[expect(clippy::indexing_slicing, reason = "the blocks reach to the number")]
        self.blocks[index].get_or_insert_with(|| Box::new(Block::new()))
    }

    /// Makes a place for the block of a number.
    fn reach(&mut self, number: i32) {
        debug_assert!((FIRST..=LAST).contains(&number), "a double has a place");
        if self.blocks.is_empty() {
            self.first = number;
        }
        let before = usize::try_from(self.first - number).unwrap_or(0);
        self.blocks.splice(0..0, std::iter::repeat_n(None, before));
        self.first = self.first.min(number);
        let length = (number - self.first) as usize + 1;
        if self.blocks.len() < length {
            self.blocks.resize(length, None);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.least = self.least.min(other.least);
        self.greatest = self.greatest.max(other.greatest);
        if self.blocks.is_empty() && !other.blocks.is_empty() {
            (self.first, self.blocks) = (other.first, other.blocks.clone());
            return self.spread();
        }
        for (number, block) in other.numbered() {
            self.block(number).merge(block);
        }
        other.listed.iter().for_each(|&place| self.add_place(place));
    }

    fn at(&self, rank: u64) -> f64 {
        match rank {
            ..=1 => return double(self.least),
            rank if rank >= self.count() => return double(self.greatest),
            _ => {}
        }
        let place = if self.blocks.is_empty() { self.listed_at(rank) } else { self.counted_at(rank) };
        place.map_or(double(self.greatest), |place| {
            double(order(middle(place)).clamp(self.least, self.greatest))
        })
    }

    fn listed_at(&self, rank: u64) -> Option<i32> {
        let index = (rank as usize).checked_sub(1).filter(|&index| index < self.listed.len())?;
        let (_, &mut place, _) = self.listed.clone().select_nth_unstable(index);
        Some(place)
    }

    fn counted_at(&self, rank: u64) -> Option<i32> {
        let mut below = 0;
        for (number, block) in self.numbered() {
            let up_to = below + block.count();
            if rank <= up_to {
                return Some(join(number, block.at(rank - below)));
            }
            below = up_to;
        }
        None
    }

    /// The blocks that are there, in order.
    fn numbered(&self) -> impl Iterator<Item = (i32, &Block)> {
        (self.first..).zip(&self.blocks).filter_map(|(number, block)| Some((number, block.as_deref()?)))
    }

    fn write(&self, writer: &mut Writer<'_>) {
        if !self.listed.is_empty() {
            let mut counted = self.clone();
            counted.spread();
            return counted.write(writer);
        }
        writer.i64(self.least);
        writer.i64(self.greatest);
        for (number, block) in self.numbered() {
            writer.u32((number - FIRST) as u32);
            writer.varint(block.occurrences().count() as u64);
            for (place, count) in block.occurrences() {
                writer.varint(u64::from(place));
                writer.varint(count);
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let (least, greatest) = (reader.i64()?, reader.i64()?);
        let mut counts = Self::between(least, greatest);
        let mut total = 0_u64;
        while !reader.is_empty() {
            let number = i32::try_from(reader.u32()?).ok().and_then(|number| FIRST.checked_add(number));
            let number =
                number.filter(|&number| number <= LAST).ok_or_else(|| corrupt("there is no such block"))?;
            let block = counts.block(number);
            for _ in 0..reader.varint()? {
                let place = reader.varint()?;
                let place = u32::try_from(place).ok().filter(|&place| place < PLACES);
                let place = place.ok_or_else(|| corrupt("there is no such place"))?;
                let count = reader.varint()?;
                block.add_many(place, count);
                total = total.checked_add(count).ok_or_else(|| corrupt("too many values"))?;
            }
        }
        if least > greatest || total <= EXACT_MAX as u64 {
            return Err(corrupt("too few values"));
        }
        Ok(counts)
    }
}

/// Appends a value; a quarter more room each time, so that few values take little memory.
#[inline]
pub(crate) fn push(values: &mut Vec<i64>, value: i64) {
    if values.len() == values.capacity() {
        values.reserve_exact((values.len() / 4).max(4));
    }
    values.push(value);
}

/// A number in the order of doubles: as `f64::total_cmp`, with one NaN, the greatest.
#[inline]
fn order(value: f64) -> i64 {
    flip(if value.is_nan() { f64::NAN } else { value }.to_bits() as i64)
}

/// The double of an [`order`] number.
fn double(order: i64) -> f64 {
    f64::from_bits(flip(order) as u64)
}

/// The other bits of a negative number the other way round.
#[inline]
fn flip(bits: i64) -> i64 {
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

/// The number of a place's block and the place within it.
#[inline]
fn split(place: i32) -> (i32, u32) {
    (place >> PLACES.trailing_zeros(), place as u32 % PLACES)
}

fn join(number: i32, place: u32) -> i32 {
    number << PLACES.trailing_zeros() | place as i32
}

fn corrupt(words: &str) -> Error {
    Error::Corrupt(words.into())
}
