//! Memory for arenas: asked for before it is touched, so that a model too big for this machine is an error and not a
//! killed process.
#![allow(unsafe_code)]

use crate::error::{codes, Error};
use memmap2::MmapMut;
use std::alloc::Layout;
use std::fs;

/// Requests below this are granted without asking the system how much there is.
const UNASKED_BYTES: usize = 64 << 20;

/// From here on large pages are worth it.
const LARGE_PAGES_FROM: usize = 4 << 20;

/// Where empty memory lies: aligned as all other, and never read.
const NOWHERE: *mut u8 = std::ptr::without_provenance_mut(64);

/// Bytes that begin as 0, on a boundary of a page.
#[derive(Debug, Default)]
pub struct AlignedBytes {
    map: Option<MmapMut>,
}

impl AlignedBytes {
    /// So many zero bytes; `what` names them in the error.
    ///
    /// # Errors
    /// If there is not so much memory.
    pub fn zeroed(length: usize, what: &str) -> Result<Self, Error> {
        if length == 0 {
            return Ok(AlignedBytes::default());
        }
        ensure_available(length, what)?;
        let map = MmapMut::map_anon(length).map_err(|_| too_big(length, what))?;
        #[cfg(target_os = "linux")]
        if length >= LARGE_PAGES_FROM {
            // Only a wish: without large pages all is well, only slower.
            let _ = map.advise(memmap2::Advice::HugePage);
        }
        Ok(AlignedBytes { map: Some(map) })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.map.as_ref().map_or(0, |map| map.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.map.is_none()
    }

    /// The first byte; for empty memory an aligned address that must not be read.
    pub fn address(&mut self) -> *mut u8 {
        self.map.as_mut().map_or(NOWHERE, |map| map.as_mut_ptr())
    }

    /// The first byte, for reading only.
    pub fn read_address(&self) -> *const u8 {
        self.map.as_ref().map_or(NOWHERE.cast_const(), |map| map.as_ptr())
    }

    /// All of them.
    pub fn bytes(&self) -> &[u8] {
        self.map.as_deref().unwrap_or_default()
    }

    /// All of them, to be changed.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.map.as_deref_mut().unwrap_or_default()
    }
}

/// A vector of zeros, which the system gives without touching them where they are many.
///
/// # Errors
/// If there is not so much memory.
pub fn zeroed_vector(length: usize, what: &str) -> Result<Vec<u8>, Error> {
    if length == 0 {
        return Ok(Vec::new());
    }
    ensure_available(length, what)?;
    let layout = Layout::array::<u8>(length).map_err(|_| too_big(length, what))?;
    // SAFETY: the layout is not empty.
    let address = unsafe { std::alloc::alloc_zeroed(layout) };
    if address.is_null() {
        return Err(too_big(length, what));
    }
    // SAFETY: `address` was allocated by the global allocator with the layout of `length` bytes, all set to 0.
    Ok(unsafe { Vec::from_raw_parts(address, length, length) })
}

/// # Errors
/// If the system has not so much memory to give.
pub fn ensure_available(length: usize, what: &str) -> Result<(), Error> {
    if length < UNASKED_BYTES {
        return Ok(());
    }
    match available() {
        Some(available) if available < length as u64 => Err(too_big(length, what)),
        _ => Ok(()),
    }
}

fn too_big(length: usize, what: &str) -> Error {
    let there_is = match available() {
        Some(available) => format!("and {} are available", in_words(available)),
        None => "which the system does not give".to_owned(),
    };
    Error::new(codes::MEMORY, format!("{what} needs {} of memory, {there_is}", in_words(length as u64)))
        .note(format!("{length} bytes are needed"))
}

/// A number of bytes for people.
pub fn in_words(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut amount = bytes as f64;
    let mut unit = "bytes";
    for larger in UNITS {
        if amount < 1024.0 {
            break;
        }
        amount /= 1024.0;
        unit = larger;
    }
    if unit == "bytes" {
        format!("{bytes} bytes")
    } else {
        format!("{amount:.1} {unit}")
    }
}

/// The memory that can be had without swapping, in bytes: the machine's, or that of this process's control group.
pub fn available() -> Option<u64> {
    match (machine(), control_group("/sys/fs/cgroup")) {
        (Some(machine), Some(group)) => Some(machine.min(group)),
        (machine, group) => machine.or(group),
    }
}

fn machine() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// What a control group (version 2) leaves; pages of files can be had back and do not count as used.
fn control_group(folder: &str) -> Option<u64> {
    let number = |file: &str| fs::read_to_string(format!("{folder}/{file}")).ok()?.trim().parse::<u64>().ok();
    let statistics = fs::read_to_string(format!("{folder}/memory.stat")).ok()?;
    let file_pages =
        statistics.lines().find_map(|line| line.strip_prefix("file ")?.trim().parse::<u64>().ok())?;
    let used = number("memory.current")?.saturating_sub(file_pages);
    Some(number("memory.max")?.saturating_sub(used))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_well() {
        assert_eq!(in_words(12), "12 bytes");
        assert_eq!(in_words(1536), "1.5 KiB");
        assert_eq!(in_words(7 << 30), "7.0 GiB");
    }

    #[test]
    fn memory_is_zero_and_aligned() {
        let mut bytes = AlignedBytes::zeroed(100, "a test").unwrap();
        assert_eq!(bytes.bytes(), [0; 100]);
        assert_eq!(bytes.address().addr() % 64, 0);
        assert_eq!(AlignedBytes::default().address().addr() % 64, 0);
    }

    #[test]
    fn too_much_says_how_much() {
        for error in
            [AlignedBytes::zeroed(1 << 50, "it").unwrap_err(), zeroed_vector(1 << 50, "it").unwrap_err()]
        {
            assert_eq!(error.code(), codes::MEMORY);
            assert!(error.message().starts_with("it needs 1.0 PiB of memory, and "), "{error}");
        }
    }
}
