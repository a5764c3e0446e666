//! The folder of what was pulled: each file is named by the SHA-256 of its bytes, which is verified whenever it is read.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use sha2::{Digest as _, Sha256};
use streamgauge_common::{clock, hexadecimal::hexadecimal};

/// More bytes than this are not kept: the files that were not used for the longest time are removed.
const BYTES_MAX: u64 = 1 << 30;

/// A folder of manifests and components.
#[derive(Clone, Debug)]
pub struct Kept {
    folder: PathBuf,
    bytes_max: u64,
}

impl Kept {
    /// The folder need not be there.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, bytes_max: BYTES_MAX }
    }

    /// The bytes that have a digest; none where they are not kept, or the file has other bytes by now.
    pub(super) fn get(&self, wanted: &str) -> Option<Vec<u8>> {
        let path = self.path(wanted)?;
        let bytes = fs::read(&path).ok()?;
        if digest(&bytes) != wanted {
            return None;
        }
        // The time of its last use decides which file is removed first. Where it cannot be set, another one is.
        let _ = fs::File::options().append(true).open(&path).and_then(|file| file.set_modified(now()));
        Some(bytes)
    }

    /// Keeps bytes, so that a reader sees all of them or none.
    pub(super) fn put(&self, bytes: &[u8]) -> io::Result<()> {
        let Some(path) = self.path(&digest(bytes)) else { return Ok(()) };
        fs::create_dir_all(&self.folder)?;
        let partial = path.with_extension(format!("{}.partial", process::id()));
        fs::write(&partial, bytes)?;
        fs::rename(&partial, &path)?;
        self.make_room(&path)
    }

    fn path(&self, digest: &str) -> Option<PathBuf> {
        let hex = digest.strip_prefix("sha256:")?;
        let is_hex = hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex.then(|| self.folder.join(hex))
    }

    /// Removes the files that were not used for the longest time, but not the newest one.
    fn make_room(&self, newest: &Path) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            files.push((metadata.modified()?, metadata.len(), entry.path()));
        }
        files.sort();
        let mut bytes: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, size, path) in files {
            if bytes <= self.bytes_max {
                break;
            }
            if path != newest {
                fs::remove_file(path)?;
                bytes -= size;
            }
        }
        Ok(())
    }
}

fn now() -> SystemTime {
    let since = u64::try_from(clock::now_us()).unwrap_or_default();
    UNIX_EPOCH + Duration::from_micros(since)
}

/// `sha256:` and the SHA-256 of bytes in hexadecimal digits.
pub(super) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hexadecimal(&Sha256::digest(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_unless_its_file_was_changed() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::new(folder.path().join("components"));
        let key = digest(b"component");
        assert_eq!(kept.get(&key), None);
        kept.put(b"component").unwrap();
        assert_eq!(kept.get(&key).as_deref(), Some(b"component".as_slice()));
        let path = kept.path(&key).unwrap();
        fs::write(&path, b"componenT").unwrap();
        assert_eq!(kept.get(&key), None);
        kept.put(b"component").unwrap();
        assert_eq!(kept.get(&key).as_deref(), Some(b"component".as_slice()));
    }

    #[test]
    fn no_digest_names_a_file_outside_of_the_folder() {
        let kept = Kept::new("/tmp".into());
        for wrong in
            ["sha256:../../etc/passwd", "", "sha256:", "md5:00", &format!("sha256:{}", "/".repeat(64))]
        {
            assert_eq!(kept.path(wrong), None);
        }
    }

    #[test]
    fn the_least_recently_used_file_makes_room() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept { folder: folder.path().to_owned(), bytes_max: 20 };
        let put = |bytes: &[u8], age_s| {
            kept.put(bytes).unwrap();
            let path = kept.path(&digest(bytes)).unwrap();
            let time = now() - Duration::from_secs(age_s);
            fs::File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
        };
        put(b"aaaaaaaa", 300);
        put(b"bbbbbbbb", 200);
        assert!(kept.get(&digest(b"aaaaaaaa")).is_some());
        put(b"cccccccc", 100);
        let is_kept = |bytes: &[u8]| kept.get(&digest(bytes)).is_some();
        assert_eq!((is_kept(b"aaaaaaaa"), is_kept(b"bbbbbbbb"), is_kept(b"cccccccc")), (true, false, true));
        kept.put(&[b'd'; 100]).unwrap();
        assert!(is_kept(&[b'd'; 100]) && !is_kept(b"aaaaaaaa"), "the newest stays, whatever its size");
    }
}
