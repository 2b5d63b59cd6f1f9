//! Offsets that cut rows into stretches: where each stretch begins, and where the last ends.

/// What is wrong with offsets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OffsetsError {
    /// There are none: even of no stretch there is an end.
    #[error("have no entry; of no stretch they are [0]")]
    Empty,
    /// The first stretch does not begin with the first row.
    #[error("begin with {0} and not with 0")]
    Begin(i64),
    /// One is below the one before.
    #[error("descend: entry {place} is {found}, and the one before is {before}")]
    Descend {
        /// Which.
        place: usize,
        /// What it is.
        found: i64,
        /// What stands before it.
        before: i64,
    },
    /// The last stretch does not end with the last row.
    #[error("end with {found}, and there are {rows} rows")]
    End {
        /// The last offset.
        found: i64,
        /// How many rows there are.
        rows: i64,
    },
}

/// How long the longest stretch of `rows` rows is that the offsets cut (entries of `i64`), 0 where there is none.
///
/// # Errors
/// If they do not begin with 0, descend, or do not end with the number of rows.
pub fn longest_stretch(offsets: &[u8], rows: i64) -> Result<i64, OffsetsError> {
    let (entries, _) = offsets.as_chunks::<8>();
    let mut entries = entries.iter().map(|entry| i64::from_le_bytes(*entry)).enumerate();
    let (_, first) = entries.next().ok_or(OffsetsError::Empty)?;
    if first != 0 {
        return Err(OffsetsError::Begin(first));
    }
    let (mut before, mut longest) = (first, 0);
    for (place, found) in entries {
        if found < before {
            return Err(OffsetsError::Descend { place, found, before });
        }
        // Both are at least 0 and ascend, so the difference is a number.
        longest = longest.max(found - before);
        before = found;
    }
    if before == rows {
        Ok(longest)
    } else {
        Err(OffsetsError::End { found: before, rows })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn longest(offsets: &[i64], rows: i64) -> Result<i64, OffsetsError> {
        let bytes: Vec<u8> = offsets.iter().flat_map(|entry| entry.to_le_bytes()).collect();
        longest_stretch(&bytes, rows)
    }

    #[test]
    fn the_longest_stretch_is_found() {
        assert_eq!(longest(&[0, 3, 3, 8], 8), Ok(5));
        assert_eq!(longest(&[0, 0, 0], 0), Ok(0));
        assert_eq!(longest(&[0], 0), Ok(0));
    }

    #[test]
    fn what_does_not_cut_the_rows_is_refused() {
        assert_eq!(longest(&[], 0), Err(OffsetsError::Empty));
        assert_eq!(longest(&[1, 3], 3), Err(OffsetsError::Begin(1)));
        assert_eq!(longest(&[0, 3, 2], 2), Err(OffsetsError::Descend { place: 2, found: 2, before: 3 }));
        assert!(longest(&[0, i64::MAX, i64::MIN], 2).is_err());
        assert_eq!(longest(&[0, 3], 4), Err(OffsetsError::End { found: 3, rows: 4 }));
        assert_eq!(longest(&[0], 2), Err(OffsetsError::End { found: 0, rows: 2 }));
    }
}
