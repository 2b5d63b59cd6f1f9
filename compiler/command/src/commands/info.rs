//! `moe info`: this installation and machine, or the memory that a model needs.

use crate::arguments::InfoArguments;
use crate::report::{print, Reporter, FINE};
use moe_driver::{installation, measure, model_info, stored, Failure, Machine, MachineChoice, Session};

/// Prints what is known of the installation or the model, or measures the machine.
pub fn run(arguments: &InfoArguments, reporter: Reporter) -> u8 {
    match answer(arguments) {
        Ok(text) => {
            print(&text);
            FINE
        }
        Err(failure) => reporter.fail(&failure),
    }
}

fn answer(arguments: &InfoArguments) -> Result<String, Failure> {
    if arguments.measure {
        return measured(&arguments.selection.machine());
    }
    let Some(file) = &arguments.file else { return installation(&arguments.selection.machine()) };
    let info = model_info(&Session::open(file)?, &(&arguments.selection).into())?;
    if arguments.json {
        info.json()
    } else {
        info.text()
    }
}

/// Measures, and stores what was measured where it will be found.
fn measured(choice: &MachineChoice) -> Result<String, Failure> {
    let path = match choice {
        MachineChoice::File(path) => Some(path.clone()),
        MachineChoice::OfUser => stored(),
        MachineChoice::BuiltIn => None,
    };
    let (description, backend) = measure()?;
    let machine = match &path {
        Some(path) => Machine::store(description, path).map_err(Failure::plain)?,
        None => Machine { description, file: None },
    };
    let place = path.map_or_else(|| "not stored".to_owned(), |path| format!("stored in {}", path.display()));
    Ok(format!("speeds, measured with {backend}, {place}\n{}", machine.lines()))
}
