//! The forms of a step: which one is used, what it uses, and where they switch in words.

use crate::program::{Place, Program, SizeExpression};
use crate::sizes;

/// Which of [`Program::forms`] is used at these free sizes.
pub fn choose(program: &Program, symbols: &[i64]) -> usize {
    // More rows than can be counted are many.
    let rows = sizes::evaluate(&program.rows, symbols).unwrap_or(i64::MAX);
    program.forms.iter().rposition(|form| form.from <= rows).unwrap_or(0)
}

/// For each buffer whether a form, what is observed of it, or the beginning of states uses it.
pub fn used(program: &Program, form: usize) -> Vec<bool> {
    let mut used = vec![false; program.buffers.len()];
    // Most forms are the only one: then a walk would only find what nobody uses.
    if program.forms.len() < 2 {
        used.fill(true);
        return used;
    }
    let mut visit = |buffer: u32| mark(program, buffer, &mut used);
    let steps = program.forms.get(form).into_iter().flat_map(|form| &form.step);
    program.begin.iter().chain(steps).for_each(|step| step.each_buffer(&mut visit));
    let observed = program.observations.iter().filter_map(|observation| observation.buffers.get(form));
    observed.for_each(|buffer| visit(*buffer));
    used
}

/// A buffer, and those that it is a part of.
fn mark(program: &Program, buffer: u32, used: &mut [bool]) {
    let mut next = Some(buffer);
    while let Some(buffer) = next {
        let known = used.get_mut(buffer as usize).is_none_or(|known| std::mem::replace(known, true));
        next = match program.buffers.get(buffer as usize).map(|buffer| &buffer.place) {
            Some(Place::Round { buffer, .. }) if !known => Some(*buffer),
            _ => None,
        };
    }
}

/// Which rows each form is for: `N below 12`, `N from 12 to 299`, `N from 300`. One form is for all and has no words.
pub fn ranges(program: &Program) -> Vec<String> {
    let symbol = |index: u32| program.symbols.get(index as usize).map_or("", |symbol| &symbol.name);
    let rows = factors(&program.rows).into_iter().map(symbol).collect::<Vec<_>>().join(" * ");
    let beginnings: Vec<i64> = program.forms.iter().map(|form| form.from).collect();
    ranges_in_words(&rows, &beginnings)
}

/// The same for forms that begin at these numbers of `rows`.
pub fn ranges_in_words(rows: &str, beginnings: &[i64]) -> Vec<String> {
    let range = |place: usize| {
        let (from, next) = (beginnings.get(place).copied().unwrap_or(0), beginnings.get(place + 1));
        match next {
            _ if beginnings.len() < 2 => String::new(),
            Some(next) if from == 0 => format!("{rows} below {next}"),
            Some(next) => format!("{rows} from {from} to {}", next - 1),
            None => format!("{rows} from {from}"),
        }
    };
    (0..beginnings.len()).map(range).collect()
}

/// The free sizes in a product.
fn factors(size: &SizeExpression) -> Vec<u32> {
    let mut found = Vec::new();
    sizes::visit(size, &mut |leaf| {
        if let SizeExpression::Symbol(index) = leaf {
            found.push(*index);
        }
    });
    found
}

#[cfg(test)]
mod tests {
    use super::ranges_in_words;

    #[test]
    fn ranges_meet() {
        assert_eq!(ranges_in_words("N", &[0]), [""]);
        let ranges = ranges_in_words("B * T", &[0, 12, 300]);
        assert_eq!(ranges, ["B * T below 12", "B * T from 12 to 299", "B * T from 300"]);
    }
}
