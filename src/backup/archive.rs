//! The backup file: a pg_dump archive in custom format with one line behind it.
//!
//! `pg_restore` ignores the line, so the file can be read without Chatalot. For us
//! it proves that the archive is ours and whole before the database is touched.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
};

use sha2::{Digest, Sha256};

use super::error::BackupError;

/// How every custom-format archive begins.
const ARCHIVE_MAGIC: &[u8] = b"PGDMP";

/// How the last line begins; then the major version and the checksum.
const SEAL_MAGIC: &str = "\nchatalot-backup-1 postgresql=";

/// `SEAL_MAGIC`, three digits, ` sha256=`, 64 digits, a line feed.
const SEAL_BYTES: usize = SEAL_MAGIC.len() + 3 + 8 + 64 + 1;

/// Appends the line to a finished archive and makes the file durable.
pub(super) fn seal(file: &mut File, major: u32) -> io::Result<()> {
    file.rewind()?;
    let (checksum, _) = digest(file)?;
    file.seek(SeekFrom::End(0))?;
    file.write_all(line(major, &checksum).as_bytes())?;
    file.sync_all()
}

/// Reads the whole file and returns the major version of the `pg_dump` that made it.
/// The file is left at its beginning.
pub(super) fn verify(file: &mut File, path: &Path) -> Result<u32, BackupError> {
    let failed = || BackupError::io("read", path);
    let damaged = || BackupError::Damaged {
        file: path.to_owned(),
    };
    let mut magic = Vec::new();
    let head = ARCHIVE_MAGIC.len().try_into().unwrap_or(u64::MAX);
    file.take(head).read_to_end(&mut magic).map_err(failed())?;
    if magic != ARCHIVE_MAGIC {
        return Err(BackupError::NotABackup {
            file: path.to_owned(),
        });
    }
    file.rewind().map_err(failed())?;
    let (checksum, ending) = digest_all_but_the_end(file).map_err(failed())?;
    file.rewind().map_err(failed())?;
    let ending = String::from_utf8(ending).unwrap_or_default();
    let major = ending
        .strip_prefix(SEAL_MAGIC)
        .and_then(|rest| rest.get(..3))
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(damaged)?;
    match ending == line(major, &checksum) {
        true => Ok(major),
        false => Err(damaged()),
    }
}

fn line(major: u32, checksum: &str) -> String {
    format!("{SEAL_MAGIC}{major:03} sha256={checksum}\n")
}

fn digest_all_but_the_end(file: &mut File) -> io::Result<(String, Vec<u8>)> {
    let length = file.metadata()?.len();
    let seal = SEAL_BYTES.try_into().unwrap_or(u64::MAX);
    let (checksum, _) = digest(&mut file.take(length.saturating_sub(seal)))?;
    let mut ending = Vec::with_capacity(SEAL_BYTES);
    file.take(seal).read_to_end(&mut ending)?;
    Ok((checksum, ending))
}

fn digest(reader: &mut impl Read) -> io::Result<(String, u64)> {
    let mut hasher = Sha256::new();
    let length = io::copy(reader, &mut HashWriter(&mut hasher))?;
    let hex = hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok((hex, length))
}

struct HashWriter<'a>(&'a mut Sha256);

impl Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(content: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        seal(&mut file, 15).unwrap();
        file.rewind().unwrap();
        file
    }

    fn verdict(file: &mut File) -> Result<u32, BackupError> {
        file.rewind().unwrap();
        verify(file, Path::new("x.backup"))
    }

    #[test]
    fn a_sealed_archive_is_whole_and_names_its_version() {
        let mut file = sealed(b"PGDMP and so on");
        assert_eq!(verdict(&mut file).unwrap(), 15);
    }

    #[test]
    fn a_changed_or_shortened_archive_is_damaged() {
        let mut changed = sealed(b"PGDMP and so on");
        changed.seek(SeekFrom::Start(7)).unwrap();
        changed.write_all(b"X").unwrap();
        assert!(matches!(
            verdict(&mut changed),
            Err(BackupError::Damaged { .. })
        ));

        let whole = sealed(b"PGDMP and so on").metadata().unwrap().len();
        for length in [5, 8, whole - 70, whole - 1] {
            let file = sealed(b"PGDMP and so on");
            file.set_len(length).unwrap();
            let mut file = file;
            assert!(
                matches!(verdict(&mut file), Err(BackupError::Damaged { .. })),
                "{length}"
            );
        }
    }

    #[test]
    fn another_file_is_not_a_backup() {
        for content in [&b""[..], b"PG", b"SQLite format 3"] {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(content).unwrap();
            assert!(matches!(
                verdict(&mut file),
                Err(BackupError::NotABackup { .. })
            ));
        }
    }
}
