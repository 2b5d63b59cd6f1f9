//! Objects written before, found again by what they were written from.
//!
//! An entry's name is a hash of its key, and the entry holds the whole key, so that a collision is only a miss. Entries are written whole or
//! not at all; a cache that cannot be read or written is as good as none.

use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

/// A folder of objects.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: Option<PathBuf>,
}

impl Cache {
    /// The user's: `MOE_CACHE`, else `moe` in the user's folder for caches. An empty `MOE_CACHE` turns it off.
    pub fn of_user() -> Self {
        let variable = |name| std::env::var_os(name).map(PathBuf::from);
        if let Some(folder) = variable("MOE_CACHE") {
            return Cache { folder: (!folder.as_os_str().is_empty()).then_some(folder) };
        }
        let base = variable("XDG_CACHE_HOME")
            .filter(|path| path.is_absolute())
            .or_else(|| Some(variable("HOME")?.join(".cache")));
        Cache { folder: base.map(|base| base.join("moe")) }
    }

    /// A cache in `folder`.
    pub fn at(folder: &Path) -> Self {
        Cache { folder: Some(folder.to_path_buf()) }
    }

    /// Where it is; `None` where it is turned off or the user has no such folder.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    fn path(&self, key: &[u8]) -> Option<PathBuf> {
        // The hasher's keys are fixed; should they ever change, entries are only not found.
        let mut hasher = std::hash::DefaultHasher::new();
        key.hash(&mut hasher);
        Some(self.folder.as_ref()?.join(format!("{:016x}.object", hasher.finish())))
    }

    /// The object stored under `key`.
    pub fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        let entry = std::fs::read(self.path(key)?).ok()?;
        let (length, rest) = entry.split_first_chunk::<8>()?;
        let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
        let (stored, object) = rest.split_at_checked(length)?;
        (stored == key).then(|| object.to_vec())
    }

    /// Stores an object.
    pub fn put(&self, key: &[u8], object: &[u8]) {
        // A cache that cannot be written costs time and nothing else.
        let _ = self.try_put(key, object);
    }

    fn try_put(&self, key: &[u8], object: &[u8]) -> Option<()> {
        let path = self.path(key)?;
        let folder = path.parent()?;
        std::fs::create_dir_all(folder).ok()?;
        let file = tempfile::NamedTempFile::new_in(folder).ok()?;
        let entry = [&(key.len() as u64).to_le_bytes(), key, object].concat();
        std::fs::write(file.path(), entry).ok()?;
        file.persist(path).ok()?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_is_got_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path());
        assert_eq!(cache.get(b"key"), None);
        cache.put(b"key", b"object");
        assert_eq!(cache.get(b"key").as_deref(), Some(&b"object"[..]));
        assert_eq!(cache.get(b"other"), None);
    }

    #[test]
    fn a_broken_entry_is_a_miss() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path());
        cache.put(b"key", b"object");
        std::fs::write(cache.path(b"key").unwrap(), b"\xff\xff").unwrap();
        assert_eq!(cache.get(b"key"), None);
    }
}
