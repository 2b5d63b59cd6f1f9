//! `moe new`: a project that runs.

use crate::arguments::NewArguments;
use crate::report::{print, Reporter, FINE};
use moe_diagnostics::Diagnostic;
use moe_driver::{write_starting_weights, Failure, Selection, Session};
use moe_runtime::{npy, Element};
use std::path::Path;

/// How many rows the example input has, and how many numbers each: the `D` of the model.
const INPUT: [usize; 2] = [4, 16];

/// Makes the folder and says how to go on.
pub fn run(arguments: &NewArguments, reporter: Reporter) -> u8 {
    match make(&arguments.folder) {
        Ok(name) => {
            let folder = arguments.folder.display();
            print(&format!(
                "made {folder}: {name}.moe, README.md, weights.safetensors, input.npy\n\
                 \n  cd {folder}\n  moe check {name}.moe\n  moe test {name}.moe\n  \
                 moe run {name}.moe --weights weights.safetensors --input input.npy\n"
            ));
            FINE
        }
        Err(failure) => reporter.fail(&failure),
    }
}

/// Makes the project; its name.
fn make(folder: &Path) -> Result<String, Failure> {
    let name = name(folder).map_err(Failure::plain)?;
    empty(folder).map_err(Failure::plain)?;
    let fill = |text: &str| text.replace("NAME", &name).replace("MODEL", &model(&name));
    let source = folder.join(format!("{name}.moe"));
    write(&source, fill(include_str!("../../templates/model.moe")).as_bytes())?;
    write(&folder.join("README.md"), fill(include_str!("../../templates/README.md")).as_bytes())?;
    write(&folder.join(".gitignore"), fill(include_str!("../../templates/gitignore")).as_bytes())?;
    write(&folder.join("input.npy"), &input())?;
    let session = Session::open(&source)?;
    write_starting_weights(&session, &Selection::default(), 1, &folder.join("weights.safetensors"))?;
    Ok(name)
}

/// The last part of the path, which names the source and the model.
fn name(folder: &Path) -> Result<String, Diagnostic> {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let letters = name.starts_with(|c: char| c.is_ascii_alphabetic());
    if letters && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
        return Ok(name);
    }
    let message = format!("`{}` is no name for a project", folder.display());
    Err(Diagnostic::plain_error("E0018", message).hint(
        "begin with a letter and go on with letters, digits, `_` and `-`, as in `moe new first_mixture`",
    ))
}

/// `first_mixture` as the name of a model: `FirstMixture`.
fn model(name: &str) -> String {
    let words = name.split(['_', '-']).filter_map(|word| {
        let mut letters = word.chars();
        Some(letters.next()?.to_ascii_uppercase().to_string() + letters.as_str())
    });
    words.collect()
}

/// Makes the folder where it is missing; nothing of somebody else's is touched.
fn empty(folder: &Path) -> Result<(), Diagnostic> {
    let cannot = |why: &dyn std::fmt::Display| {
        Diagnostic::plain_error("E0018", format!("cannot make a project in {}: {why}", folder.display()))
    };
    if folder.exists() && !folder.is_dir() {
        return Err(cannot(&"there is a file of this name"));
    }
    std::fs::create_dir_all(folder).map_err(|error| cannot(&error))?;
    let mut entries = std::fs::read_dir(folder).map_err(|error| cannot(&error))?;
    match entries.next() {
        None => Ok(()),
        Some(_) => Err(cannot(&"the folder is not empty").hint("give the name of a new folder")),
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    std::fs::write(path, bytes).map_err(|error| {
        let message = format!("cannot write {}: {error}", path.display());
        Failure::plain(Diagnostic::plain_error("E0013", message))
    })
}

/// Rows that differ from each other, between -1 and 1.
fn input() -> Vec<u8> {
    let [rows, columns] = INPUT;
    let entries = (0..rows * columns).map(|place| ((place * 37 + 11) % 65) as f32 / 32.0 - 1.0);
    let mut bytes = npy::header(Element::F32, &INPUT);
    bytes.extend(entries.flat_map(f32::to_le_bytes));
    bytes
}
