//! Which tensors of a file are a program's weights. Everything that does not fit is said at once, before anything is
//! copied.

use super::assemble::Part;
use super::convert::convertible;
use super::file::{Entry, WeightFile};
use super::left_out;
use super::suggest::closest;
use crate::element::Element;
use crate::error::{codes, Error};
use crate::memory::ensure_available;
use crate::program::{Program, TensorDescription, WeightDescription, WeightSource};
use crate::resolve::shape;
use crate::tensor::byte_length;
use std::collections::BTreeSet;
use std::ops::Range;

/// Mistakes that are listed; more are counted.
const LISTED: usize = 20;

/// A weight in memory, row-major.
pub enum LoadedWeight {
    /// In the file as it is needed.
    InFile(Range<usize>),
    /// Put together from the file's tensors.
    Owned(Vec<u8>),
}

impl LoadedWeight {
    /// The entries.
    pub fn bytes<'a>(&'a self, file: Option<&'a WeightFile>) -> &'a [u8] {
        match self {
            LoadedWeight::InFile(range) => file.map_or(&[], |file| file.bytes(range.clone())),
            LoadedWeight::Owned(bytes) => bytes,
        }
    }

    /// The bytes that it takes besides the file.
    pub fn owned_bytes(&self) -> usize {
        match self {
            LoadedWeight::InFile(_) => 0,
            LoadedWeight::Owned(bytes) => bytes.len(),
        }
    }
}

/// The weights of a program. A file of tensors under the program's own names must have no other; somebody else's file,
/// read through a mapping, may.
///
/// # Errors
/// If the program has weights and there is no file, its tensors are not those that the program needs, or they have something in what the
/// program leaves out.
pub fn load(program: &Program, file: Option<&WeightFile>) -> Result<Vec<LoadedWeight>, Error> {
    let Some(file) = file else {
        if program.weights.is_empty() {
            return Ok(Vec::new());
        }
        let count = match program.weights.len() {
            1 => "a weight".to_owned(),
            count => format!("{count} weights"),
        };
        let message = format!("`{}` has {count} and no file of weights was given", program.model);
        return Err(Error::new(codes::WEIGHTS_NEEDED, message).hint(
            "give the file with --weights W.safetensors; `moe weights F.moe -o W.safetensors` makes one to begin with",
        ));
    };
    let fitter = Fitter { program, file };
    let loaded: Vec<LoadedWeight> =
        fitter.plans()?.iter().map(|plan| fitter.load(plan)).collect::<Result<_, _>>()?;
    for (weight, loaded) in program.weights.iter().zip(&loaded) {
        let shape = shape(program, &[], &weight.tensor)?;
        left_out::check(weight, &shape, loaded.bytes(Some(file)), file.name())?;
    }
    Ok(loaded)
}

/// Whether a file's tensors are those that a program needs, by their names, shapes and element types alone.
///
/// # Errors
/// If they are not.
pub fn check(program: &Program, file: &WeightFile) -> Result<(), Error> {
    Fitter { program, file }.plans().map(|_| ())
}

/// How one weight is made.
struct Plan<'a> {
    weight: &'a TensorDescription,
    bytes: usize,
    element: Element,
    pieces: Vec<(Range<usize>, Part)>,
}

struct Fitter<'a> {
    program: &'a Program,
    file: &'a WeightFile,
}

impl<'a> Fitter<'a> {
    /// How each weight is made, or all that is in the way.
    fn plans(&self) -> Result<Vec<Plan<'a>>, Error> {
        let mut mistakes = Vec::new();
        let mut plans = Vec::new();
        for weight in &self.program.weights {
            let shape = shape(self.program, &[], &weight.tensor)?;
            match self.plan(weight, &shape) {
                Ok(plan) => plans.push(plan),
                Err(found) => mistakes.extend(found),
            }
        }
        mistakes.extend(self.extra());
        if mistakes.is_empty() {
            Ok(plans)
        } else {
            Err(self.misfit(&mistakes))
        }
    }

    fn plan(&self, weight: &'a WeightDescription, shape: &[usize]) -> Result<Plan<'a>, Vec<String>> {
        let tensor = &weight.tensor;
        let plain;
        let source = match &weight.source {
            Some(source) => source,
            None => {
                plain = WeightSource {
                    keys: vec![tensor.name.clone()],
                    stacked: Vec::new(),
                    shape: shape.iter().map(|size| *size as u64).collect(),
                    element: None,
                    steps: Vec::new(),
                };
                &plain
            }
        };
        let element = source.element.unwrap_or(tensor.element);
        let mut mistakes = check_source(tensor, source, shape);
        let mut pieces = Vec::new();
        for key in &source.keys {
            match self.find(key, source, element) {
                Ok(entry) => pieces.extend(part(source).ok().map(|part| (entry.range.clone(), part))),
                Err(mistake) => mistakes.push(mistake),
            }
        }
        let bytes = byte_length(tensor.element, shape).unwrap_or(usize::MAX);
        if mistakes.is_empty() {
            Ok(Plan { weight: tensor, bytes, element, pieces })
        } else {
            Err(mistakes)
        }
    }

    /// The file's tensor of a name, if it is as expected.
    fn find(&self, key: &str, source: &WeightSource, element: Element) -> Result<&'a Entry, String> {
        let Some(entry) = self.file.entries().get(key) else {
            let needed = self.keys();
            let unread = self.file.entries().keys().map(String::as_str).filter(|name| !needed.contains(name));
            let meant = closest(key, unread).map_or_else(String::new, |name| format!(" (it has `{name}`)"));
            return Err(format!("`{key}` is missing{meant}"));
        };
        let same_shape = entry.shape.len() == source.shape.len()
            && entry.shape.iter().zip(&source.shape).all(|(found, expected)| *found as u64 == *expected);
        if !same_shape {
            return Err(format!("`{key}` has shape {:?}; expected {:?}", entry.shape, source.shape));
        }
        if entry.element != Some(element) {
            return Err(format!("`{key}` has element type {}; expected {element}", entry.element_name));
        }
        Ok(entry)
    }

    /// The names of the file's tensors that the program reads.
    fn keys(&self) -> BTreeSet<&'a str> {
        let of = |weight: &'a WeightDescription| match &weight.source {
            Some(source) => source.keys.iter().map(String::as_str).collect::<Vec<_>>(),
            None => vec![weight.tensor.name.as_str()],
        };
        self.program.weights.iter().flat_map(of).collect()
    }

    /// Tensors of the file that no weight is.
    fn extra(&self) -> Vec<String> {
        if self.program.weights.iter().any(|weight| weight.source.is_some()) {
            return Vec::new();
        }
        let needed = self.keys();
        let names = self.file.entries().keys().filter(|name| !needed.contains(name.as_str()));
        names.map(|name| format!("`{name}` is no weight of the model")).collect()
    }

    fn misfit(&self, mistakes: &[String]) -> Error {
        let (file, model) = (self.file.name(), &self.program.model);
        let mut error = Error::new(codes::WEIGHTS_MISFIT, format!("{file} does not fit the model `{model}`"));
        for mistake in mistakes.iter().take(LISTED) {
            error = error.note(mistake);
        }
        if let Some(more) = mistakes.len().checked_sub(LISTED).filter(|more| *more > 0) {
            error = error.note(format!("and {more} more"));
        }
        error.hint("see what the model needs with --info, and what the file has with `moe inspect`; a `weights` block reads files of other names and layouts")
    }

    fn load(&self, plan: &Plan<'_>) -> Result<LoadedWeight, Error> {
        let (from, to) = (plan.element, plan.weight.element);
        if let ([(range, part)], true) = (plan.pieces.as_slice(), from == to) {
            if let Some(first) = part.in_place() {
                let begin = range.start + first * from.bytes();
                self.check_bool(plan, begin..begin + plan.bytes)?;
                return Ok(LoadedWeight::InFile(begin..begin + plan.bytes));
            }
        }
        let what = format!("weight `{}`", plan.weight.name);
        ensure_available(plan.bytes, &what)?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(plan.bytes).map_err(|_| {
            Error::new(
                codes::MEMORY,
                format!("{what} needs {} bytes of memory, which the system does not give", plan.bytes),
            )
        })?;
        for (range, part) in &plan.pieces {
            let tensor = self.file.bytes(range.clone());
            part.copy(tensor, from, to, &mut bytes).map_err(|why| {
                let message = format!("{} does not fit: {what}: {why}", self.file.name());
                Error::new(codes::WEIGHTS_MISFIT, message)
            })?;
        }
        if bytes.len() != plan.bytes {
            return Err(Error::new(
                codes::BUG,
                format!("{what} was put together from too few or too many entries"),
            ));
        }
        Ok(LoadedWeight::Owned(bytes))
    }

    fn check_bool(&self, plan: &Plan<'_>, range: Range<usize>) -> Result<(), Error> {
        if plan.weight.element == Element::Bool && self.file.bytes(range).iter().any(|entry| *entry > 1) {
            let message = format!("`{}` has an entry that is neither 0 nor 1", plan.weight.name);
            return Err(Error::new(codes::WEIGHTS_MISFIT, format!("{}: {message}", self.file.name())));
        }
        Ok(())
    }
}

fn part(source: &WeightSource) -> Result<Part, String> {
    let shape: Vec<usize> =
        source.shape.iter().map(|size| usize::try_from(*size).unwrap_or(usize::MAX)).collect();
    source.steps.iter().try_fold(Part::whole(&shape), Part::step)
}

/// What is wrong with a source by itself: whatever the file, it would not make the weight.
fn check_source(tensor: &TensorDescription, source: &WeightSource, shape: &[usize]) -> Vec<String> {
    let name = &tensor.name;
    let mut mistakes = Vec::new();
    let stacked: Option<u64> = source.stacked.iter().try_fold(1_u64, |count, size| count.checked_mul(*size));
    if stacked != Some(source.keys.len() as u64) {
        mistakes.push(format!(
            "`{name}` is stacked to {:?} from {} tensors",
            source.stacked,
            source.keys.len()
        ));
    }
    match part(source) {
        Err(why) => mistakes.push(format!("`{name}`: {why}")),
        Ok(part) => {
            let sizes = source.stacked.iter().copied().chain(part.shape().iter().map(|size| *size as u64));
            let made: Vec<u64> = sizes.collect();
            if made.iter().copied().ne(shape.iter().map(|size| *size as u64)) {
                mistakes.push(format!("`{name}` has shape {shape:?} and its `weights` block makes {made:?}"));
            }
        }
    }
    let from = source.element.unwrap_or(tensor.element);
    if !convertible(from, tensor.element) {
        mistakes.push(format!("`{name}` is of {} and cannot be had from {from}", tensor.element));
    }
    mistakes
}
