//! "Did you mean".

/// The candidate nearest to a name, if it is near enough to be what was meant.
pub fn closest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (name.chars().count() / 3).max(1);
    let distances = candidates.into_iter().map(|candidate| (distance(name, candidate), candidate));
    distances.filter(|(distance, _)| *distance <= allowed).min().map(|(_, candidate)| candidate)
}

/// The number of insertions, removals, exchanges and swaps of neighbours from one text to the other (optimal string
/// alignment, after Damerau 1964).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    let mut previous = None;
    for (index, left) in from.chars().enumerate() {
        let mut row = vec![index + 1];
        let mut before = None;
        for (column, right) in to.iter().enumerate() {
            let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX - 1);
            let exchanged = at(&last, column) + usize::from(left != *right);
            let mut best = exchanged.min(at(&last, column + 1) + 1).min(at(&row, column) + 1);
            if column > 0 && previous == Some(*right) && before == Some(left) {
                best = best.min(at(&before_last, column - 1) + 1);
            }
            row.push(best);
            before = Some(*right);
        }
        before_last = std::mem::replace(&mut last, row);
        previous = Some(left);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("abc", "abc"), 0);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("othre", "other"), 1);
        assert_eq!(distance("ca", "abc"), 3);
    }

    #[test]
    fn only_near_names_are_suggested() {
        let known = ["gate.weight", "head.bias"];
        assert_eq!(closest("gate.weigth", known), Some("gate.weight"));
        assert_eq!(closest("gate", known), None);
        assert_eq!(closest("head.bais", known), Some("head.bias"));
    }
}
