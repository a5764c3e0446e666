//! Which versions of its states a reducer writes, and which it reads.

use super::Accumulators;

/// The versions of the states of one aggregate call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateVersions {
    /// The version that `snapshot` gives.
    pub written: u32,
    /// Other versions that `restore` takes.
    pub restores: Vec<u32>,
}

impl StateVersions {
    /// Those of an aggregate call.
    pub fn of(accumulators: &dyn Accumulators) -> Self {
        Self { written: accumulators.state_version(), restores: accumulators.restores().to_vec() }
    }

    /// Whether a state of this version can be restored.
    pub fn can_restore(&self, version: u32) -> bool {
        self.written == version || self.restores.contains(&version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_own_version_and_those_that_it_names_can_be_restored() {
        let versions = StateVersions { written: 3, restores: vec![1] };
        let can: Vec<u32> = (0..5).filter(|&version| versions.can_restore(version)).collect();
        assert_eq!(can, [1, 3]);
    }
}
