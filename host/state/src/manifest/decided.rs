//! How far decisions go, as bytes.

use std::collections::BTreeMap;

use super::{Decided, map, write_map, write_optional};
use crate::bytes::{Malformed, Reader, Writer, read_offset, read_partition, write_offset, write_partition};

impl Decided {
    pub(super) fn write(&self, out: &mut Writer) {
        out.bool(self.run.is_some());
        if let Some((window_end, run)) = self.run {
            out.i64(window_end);
            out.u32(run);
        }
        write_optional(out, self.forced);
        write_map(out, &self.passed, |out, &partition, &next| {
            write_partition(out, partition);
            write_offset(out, next);
        });
    }

    pub(super) fn read(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        let run = if input.bool()? { Some((input.i64()?, input.u32()?)) } else { None };
        let forced = if input.bool()? { Some(input.i64()?) } else { None };
        Ok(Self {
            run,
            forced,
            passed: map(input, 12, |input| Ok((read_partition(input)?, read_offset(input)?)))?,
            over_views: BTreeMap::new(),
        })
    }
}
