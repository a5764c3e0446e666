//! The sections of a WebAssembly module or component, one after the other.

/// The magic, the version and the layer.
const HEADER_BYTES: usize = 8;

/// The id and the content of each section, to the end or to bytes that are no section.
pub(super) fn sections(bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = bytes.get(HEADER_BYTES..).unwrap_or_default();
    std::iter::from_fn(move || next_section(&mut rest))
}

/// Takes a section off the front of `bytes`: its id and its content.
pub(super) fn next_section<'a>(bytes: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (&id, rest) = bytes.split_first()?;
    *bytes = rest;
    Some((id, take_sized(bytes)?))
}

/// Takes bytes with their number before them, in LEB128, off the front.
pub(super) fn take_sized<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let mut size = 0u64;
    for shift in (0..35).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        size |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            let (taken, rest) = bytes.split_at_checked(usize::try_from(size).ok()?)?;
            *bytes = rest;
            return Some(taken);
        }
    }
    None
}
