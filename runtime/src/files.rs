//! Writing files whole or not at all: to a file beside the one named, which takes its place at the end.

use crate::error::{codes, Error};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A file that is being written. Dropped before [`PendingFile::commit`], it leaves nothing behind.
#[derive(Debug)]
pub struct PendingFile {
    name: String,
    file: File,
    /// Where it is written, and where it goes; `None` for what is no plain file, such as a pipe or a terminal.
    places: Option<(PathBuf, PathBuf)>,
}

/// How many names are tried for the file beside.
const NAMES: u32 = 100;

impl PendingFile {
    /// Begins a file, so that it is known now whether it can be written.
    ///
    /// # Errors
    /// If its folder is missing or closed, or something in its place cannot be replaced.
    pub fn create(path: &Path) -> Result<Self, Error> {
        let name = path.display().to_string();
        let cannot = |why: &dyn std::fmt::Display| cannot_write(&name, why);
        // A link is followed, so that what it points at is replaced and not the link.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        if let Ok(metadata) = fs::metadata(&target) {
            if metadata.is_dir() {
                return Err(cannot(&"it is a folder"));
            }
            if !metadata.is_file() {
                let file = OpenOptions::new().write(true).open(&target).map_err(|error| cannot(&error))?;
                return Ok(PendingFile { name, file, places: None });
            }
            // Asking for it is the only sure way to know.
            OpenOptions::new().append(true).open(&target).map_err(|error| cannot(&error))?;
        }
        let (file, scratch) = beside(&target).map_err(|error| cannot(&error))?;
        Ok(PendingFile { name, file, places: Some((scratch, target)) })
    }

    /// Writes a file of these bytes.
    ///
    /// # Errors
    /// If it cannot be written; what was there before is left.
    pub fn whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
        let mut file = PendingFile::create(path)?;
        file.write(bytes)?;
        file.commit()
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// If the disk is full.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(|error| cannot_write(&self.name, &error))
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// If the folder has changed meanwhile.
    pub fn commit(mut self) -> Result<(), Error> {
        let flushed = self.file.flush().map_err(|error| cannot_write(&self.name, &error));
        flushed?;
        let Some((scratch, target)) = self.places.take() else { return Ok(()) };
        fs::rename(&scratch, &target).map_err(|error| {
            // What is left over would only be in the way.
            let _ = fs::remove_file(&scratch);
            cannot_write(&self.name, &error)
        })
    }
}

impl Drop for PendingFile {
    fn drop(&mut self) {
        if let Some((scratch, _)) = &self.places {
            // Nothing more can be done about a file that cannot be removed.
            let _ = fs::remove_file(scratch);
        }
    }
}

fn cannot_write(name: &str, why: &dyn std::fmt::Display) -> Error {
    Error::new(codes::OUTPUT, format!("cannot write {name}: {why}"))
}

/// A new file in the folder of `target`.
fn beside(target: &Path) -> std::io::Result<(File, PathBuf)> {
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let Some(name) = target.file_name() else {
        return Err(std::io::Error::other("it has no file name"));
    };
    let mut last = std::io::Error::other("no free name beside it");
    for attempt in 0..NAMES {
        let scratch = folder.join(format!(".{}.{}-{attempt}", name.to_string_lossy(), std::process::id()));
        match OpenOptions::new().write(true).create_new(true).open(&scratch) {
            Ok(file) => return Ok((file, scratch)),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(folder: &Path) -> Vec<String> {
        let names =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    #[test]
    fn a_file_is_whole_or_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let mut dropped = PendingFile::create(&path).unwrap();
        dropped.write(b"half").unwrap();
        drop(dropped);
        assert!(listing(folder.path()).is_empty());
        for text in ["first", "second"] {
            let mut file = PendingFile::create(&path).unwrap();
            file.write(text.as_bytes()).unwrap();
            file.commit().unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            assert_eq!(listing(folder.path()), ["out"]);
        }
    }

    #[test]
    fn places_that_cannot_be_written_are_known_at_once() {
        let folder = tempfile::tempdir().unwrap();
        assert!(PendingFile::create(folder.path()).unwrap_err().message().ends_with(": it is a folder"));
        let nowhere = folder.path().join("none").join("out");
        assert_eq!(PendingFile::create(&nowhere).unwrap_err().code(), codes::OUTPUT);
    }

    #[test]
    fn what_is_no_plain_file_is_written_directly() {
        let mut null = PendingFile::create(Path::new("/dev/null")).unwrap();
        null.write(b"gone").unwrap();
        null.commit().unwrap();
        assert!(Path::new("/dev/null").exists());
    }
}
