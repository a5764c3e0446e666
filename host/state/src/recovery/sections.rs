//! Which sections of which generations hold a query's parts.

use std::collections::{BTreeMap, BTreeSet};

use streamgauge_engine::{SegmentId, StateSegment};

use crate::checkpoint::SectionRef;

/// After how many pieces a part is worth writing as a whole, if they hold several times what the largest of them does.
const PIECES_MAX: usize = 8;

/// A section, and what of it is still part of the state.
pub struct Section {
    place: SectionRef,
    /// The parts in it, with how many groups.
    parts: BTreeMap<SegmentId, usize>,
    /// Those that it holds as a whole.
    whole: BTreeSet<SegmentId>,
}

/// The sections that a state is made of, oldest first.
#[derive(Default)]
pub struct Sections {
    sections: Vec<Section>,
}

impl Section {
    /// A section that holds these parts.
    pub fn new(place: SectionRef, parts: &[&StateSegment]) -> Self {
        let mut groups: BTreeMap<SegmentId, usize> = BTreeMap::new();
        parts.iter().for_each(|part| *groups.entry(part.id).or_default() += part.keys.len());
        let whole = parts.iter().filter(|part| part.whole).map(|part| part.id).collect();
        Self { place, parts: groups, whole }
    }
}

impl Sections {
    /// A newer section: what it holds as a whole is not needed of older ones.
    pub fn add(&mut self, section: Section) {
        for older in &mut self.sections {
            older.parts.retain(|id, _| !section.whole.contains(id));
        }
        self.sections.push(section);
    }

    /// Only these parts belong to the state: sections that hold none of them are not needed.
    pub fn keep(&mut self, kept: &[SegmentId]) {
        let kept: BTreeSet<SegmentId> = kept.iter().copied().collect();
        for section in &mut self.sections {
            section.parts.retain(|id, _| kept.contains(id));
        }
        self.sections.retain(|section| !section.parts.is_empty());
    }

    /// The generations that hold data of the state, ascending.
    pub fn generations(&self) -> Vec<u64> {
        let generations: BTreeSet<u64> =
            self.sections.iter().map(|section| section.place.generation).collect();
        generations.into_iter().collect()
    }

    /// Parts in many pieces, which hold the same groups again and again.
    pub fn fragmented(&self) -> BTreeSet<SegmentId> {
        let mut pieces: BTreeMap<SegmentId, (usize, usize, usize)> = BTreeMap::new();
        for (&id, &groups) in self.sections.iter().flat_map(|section| &section.parts) {
            let (count, sum, most) = pieces.entry(id).or_default();
            (*count, *sum, *most) = (*count + 1, *sum + groups, groups.max(*most));
        }
        let fragmented =
            pieces.into_iter().filter(|(_, (count, sum, most))| *count >= PIECES_MAX && *sum >= 4 * most);
        fragmented.map(|(id, _)| id).collect()
    }

    /// Where they are.
    pub fn places(&self) -> Vec<SectionRef> {
        self.sections.iter().map(|section| section.place).collect()
    }
}
