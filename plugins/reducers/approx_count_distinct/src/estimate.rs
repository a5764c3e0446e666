//! The number of hashes that registers tell of: the improved raw estimator of Ertl ("New cardinality estimation algorithms for HyperLogLog
//! sketches", 2017, algorithm 6). It has no bias for small or large sets, so it needs no tables and no thresholds.

use crate::sketch::{INDEX_BITS, RANK_MAX, REGISTERS};

/// How many hashes, nearly.
pub(crate) fn estimate(registers: &[u8; REGISTERS]) -> u64 {
    let mut counts = [0_u32; RANK_MAX as usize + 1];
    for &rank in registers {
        if let Some(count) = counts.get_mut(usize::from(rank)) {
            *count += 1;
        }
    }
    let all = f64::from(1_u32 << INDEX_BITS);
    let share = |rank: usize| f64::from(counts.get(rank).copied().unwrap_or(0)) / all;
    let most = RANK_MAX as usize;
    let mut sum = all * tau(1.0 - share(most));
    for &count in counts.iter().take(most).skip(1).rev() {
        sum = 0.5 * (sum + f64::from(count));
    }
    sum += all * sigma(share(0));
    (all * all / (2.0 * std::f64::consts::LN_2) / sum).round() as u64
}

/// x + x^2 + 2 x^4 + 4 x^8 + ...
fn sigma(x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut power, mut weight, mut sum) = (x, 1.0, x);
    loop {
        let before = sum;
        power *= power;
        sum += power * weight;
        weight += weight;
        if sum == before {
            return sum;
        }
    }
}

/// (1 - x - sum of (1 - x^(2^-k))^2 2^-k) / 3
fn tau(x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut root, mut weight, mut sum) = (x, 1.0, 1.0 - x);
    loop {
        let before = sum;
        root = root.sqrt();
        weight *= 0.5;
        sum -= (1.0 - root) * (1.0 - root) * weight;
        if sum == before {
            return sum / 3.0;
        }
    }
}
