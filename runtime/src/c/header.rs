//! The header, for the runtime itself or under the names of a model.

/// `moe.h`.
pub const HEADER: &str = include_str!("../../include/moe.h");

/// The functions it declares, as the static library has them.
pub const FUNCTIONS: [&str; 14] = [
    "moe_version",
    "moe_model_open",
    "moe_model_close",
    "moe_model_name",
    "moe_model_input_count",
    "moe_model_output_count",
    "moe_model_input",
    "moe_model_output",
    "moe_context_open",
    "moe_context_close",
    "moe_context_reset",
    "moe_context_output_shape",
    "moe_context_run_into",
    "moe_context_run",
];

/// What a library exports: its own name for each function, and the runtime's.
pub fn exports(prefix: &str) -> Vec<(String, &'static str)> {
    FUNCTIONS.iter().map(|function| (own_name(function, prefix), *function)).collect()
}

fn own_name(function: &str, prefix: &str) -> String {
    function.replacen("moe", prefix, 1)
}

/// The header of a library whose functions begin with `prefix` and an underscore where the runtime's begin with `moe_`, so
/// that several models can be linked into one program. The types are shared. `about` is put at its top.
pub fn header(prefix: &str, about: &str) -> String {
    let mut text = HEADER.replace("MOE_H", &format!("{}_H", prefix.to_uppercase()));
    for function in FUNCTIONS {
        text = text.replace(&format!("{function}("), &format!("{}(", own_name(function, prefix)));
    }
    let about: String = about.lines().map(|line| format!(" * {line}").trim_end().to_owned() + "\n").collect();
    format!("/*\n{about} */\n{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_is_declared_and_nothing_else() {
        for function in FUNCTIONS {
            assert_eq!(HEADER.matches(&format!("{function}(")).count(), 1, "{function}");
        }
        let declared = HEADER
            .lines()
            .filter(|line| line.contains("moe_") && line.contains('(') && !line.contains(" * "));
        assert_eq!(declared.count(), FUNCTIONS.len());
    }

    #[test]
    fn a_model_has_its_own_names() {
        let text = header("fashion", "The model Fashion.\n\nIts input is a picture.");
        assert!(text.starts_with("/*\n * The model Fashion.\n *\n * Its input is a picture.\n */\n"));
        assert!(text.contains("#ifndef FASHION_H\n") && text.contains("#endif /* FASHION_H */"));
        assert!(text.contains("int32_t fashion_context_run(moe_context *context"));
        assert!(exports("fashion").iter().all(|(own, _)| text.matches(&format!("{own}(")).count() == 1));
        assert!(FUNCTIONS.iter().all(|function| !text.contains(&format!("{function}("))));
    }
}
