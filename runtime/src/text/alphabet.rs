//! The alphabet in which GPT-2's files write bytes: printable characters stand for themselves, the other bytes for characters from
//! U+0100 on, in their order.

/// Whether a byte stands for the character of its own number.
fn is_itself(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF)
}

/// The byte of a character, if it is in the alphabet.
pub fn byte(character: char) -> Option<u8> {
    let number = u32::from(character);
    if let Ok(byte) = u8::try_from(number) {
        return Some(byte).filter(|byte| is_itself(*byte));
    }
    let place = usize::try_from(number.checked_sub(0x100)?).ok()?;
    (0..=u8::MAX).filter(|byte| !is_itself(*byte)).nth(place)
}

/// The bytes of a piece; of one that is not in the alphabet, its own.
pub fn bytes(piece: &str) -> Vec<u8> {
    piece.chars().map(byte).collect::<Option<Vec<u8>>>().unwrap_or_else(|| piece.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_one_character() {
        assert_eq!(bytes("Ġthe"), b" the");
        assert_eq!(bytes("ĊĀ"), [b'\n', 0]);
        assert_eq!(bytes("Ã©"), "é".as_bytes());
        assert_eq!(bytes("\u{143}"), [0xAD]);
        assert_eq!(bytes("▁a"), "▁a".as_bytes());
        let mut all: Vec<u8> = (0..0x144).filter_map(char::from_u32).filter_map(byte).collect();
        all.sort_unstable();
        assert_eq!(all, (0..=u8::MAX).collect::<Vec<u8>>());
    }
}
