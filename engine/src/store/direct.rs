//! Large objects of a folder, written past the system's page cache (open(2), `O_DIRECT`).
//!
//! A dump writes each byte once and does not read it back. Through the cache it is copied there first, into memory that the
//! system has to find, and waits there for the disk; written directly it goes from where it lies. Measured on pieces of 18 MiB
//! with fsync: a ninth of the processor time, half the time on the clock, and whatever else the machine had in its cache
//! stays there. File systems that do not offer it get the ordinary way.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;

/// Objects from this size on are worth it.
const WORTHWHILE: usize = 1 << 20;

/// What addresses and lengths must be multiples of, on every disk that is known: a page.
const ALIGNMENT: usize = 4 << 10;

/// Names to try beside those of runs that died or write the same object at this moment.
const NAMES: u32 = 64;

/// Whether an object may be written this way.
pub(super) fn is_fit(bytes: &Bytes) -> bool {
    cfg!(target_os = "linux") && bytes.len() >= WORTHWHILE && bytes.as_ptr().addr().is_multiple_of(ALIGNMENT)
}

/// Writes a file, durable under its name when this returns; false, and nothing is there, where the file system does not
/// write directly. Blocks; never shows a file that is not whole.
pub(super) fn write(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    make_folder(folder)?;
    let Some((staged, file)) = stage(path)? else { return Ok(false) };
    match fill(file, &staged, bytes).and_then(|()| publish(&staged, path, folder)) {
        Ok(()) => Ok(true),
        Err(error) => {
            // What stays nevertheless is swept like every upload that was left.
            let _ = fs::remove_file(&staged);
            if error.kind() == io::ErrorKind::InvalidInput { Ok(false) } else { Err(error) }
        }
    }
}

fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    folder.parent().map_or(Ok(()), sync_folder)
}

/// A fresh file beside the one to be, under a name for uploads in progress; none where the file system refuses to open one.
fn stage(path: &Path) -> io::Result<Option<(PathBuf, File)>> {
    for number in 1..=NAMES {
        let mut name = path.as_os_str().to_owned();
        name.push(format!("#{number}"));
        let staged = PathBuf::from(name);
        match OpenOptions::new().write(true).create_new(true).custom_flags(libc::O_DIRECT).open(&staged) {
            Ok(file) => return Ok(Some((staged, file))),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                // Some systems make the file before they find out.
                let _ = fs::remove_file(&staged);
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Whole pages directly, what is left of the last one through the cache.
fn fill(mut file: File, staged: &Path, bytes: &[u8]) -> io::Result<()> {
    let (pages, rest) = bytes.split_at(bytes.len() / ALIGNMENT * ALIGNMENT);
    file.write_all(pages)?;
    if !rest.is_empty() {
        file = OpenOptions::new().append(true).open(staged)?;
        file.write_all(rest)?;
    }
    file.sync_all()
}

fn publish(staged: &Path, path: &Path, folder: &Path) -> io::Result<()> {
    fs::rename(staged, path)?;
    sync_folder(folder)
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes in pages of their own, as pieces have them.
    fn pages(len: usize) -> Bytes {
        let mut map = memmap2::MmapMut::map_anon(len).unwrap();
        map.iter_mut().enumerate().for_each(|(at, byte)| *byte = (at % 251) as u8);
        Bytes::from_owner(map)
    }

    #[test]
    fn files_hold_what_was_written_whatever_their_length() {
        let folder = tempfile::tempdir().unwrap();
        for (number, len) in
            [WORTHWHILE, WORTHWHILE + 1, 3 * WORTHWHILE - 1, WORTHWHILE + ALIGNMENT].into_iter().enumerate()
        {
            let (bytes, path) = (pages(len), folder.path().join(format!("ab/{number}")));
            assert!(is_fit(&bytes));
            let written = write(&path, &bytes).unwrap();
            assert!(if written { fs::read(&path).unwrap() == bytes } else { !path.exists() }, "{len}");
            let there = fs::read_dir(path.parent().unwrap()).unwrap().count();
            assert_eq!(there, if written { number + 1 } else { 0 }, "nothing but whole files is left");
        }
    }

    #[test]
    fn what_a_dead_run_left_is_passed_by_and_what_stands_is_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("object");
        fs::write(folder.path().join("object#1"), "left").unwrap();
        let bytes = pages(WORTHWHILE);
        for _ in 0..2 {
            let written = write(&path, &bytes).unwrap();
            assert!(if written { fs::read(&path).unwrap() == bytes } else { !path.exists() });
        }
        assert_eq!(fs::read(folder.path().join("object#1")).unwrap(), b"left");
    }

    #[test]
    fn a_folder_that_cannot_be_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ab"), "a file").unwrap();
        assert!(write(&folder.path().join("ab/object"), &pages(WORTHWHILE)).is_err());
    }

    #[test]
    fn small_and_unaligned_objects_go_the_ordinary_way() {
        assert!(!is_fit(&pages(WORTHWHILE - 1)));
        assert!(!is_fit(&pages(WORTHWHILE + 1).slice(1..)));
    }
}
