//! `moe info`: this installation, or the memory that a model needs.

use crate::arguments::InfoArguments;
use crate::report::{print, Reporter, FINE};
use moe_driver::Session;

/// Prints what is known of the installation or the model.
pub fn run(arguments: &InfoArguments, reporter: Reporter) -> u8 {
    let Some(file) = &arguments.file else {
        print(&moe_driver::installation());
        return FINE;
    };
    let text = Session::open(file)
        .and_then(|session| moe_driver::model_info(&session, &(&arguments.selection).into()))
        .and_then(|info| if arguments.json { info.json() } else { info.text() });
    match text {
        Ok(text) => {
            print(&text);
            FINE
        }
        Err(failure) => reporter.fail(&failure),
    }
}
