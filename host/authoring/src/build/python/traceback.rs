//! What is wrong in the author's modules, out of all that componentize-py says where it fails.

/// How its own exception begins, in which the author's is a text.
const WITHIN: &str = "AssertionError: ";
/// What comes behind it, about the tool itself.
const BEHIND: [&str; 2] = ["Caused by:", "Stack backtrace:"];
const TRACEBACK: &str = "Traceback (most recent call last):";
/// Where the folder of the project lies while its modules are imported.
const PROJECT: &str = "  File \"/0/";
/// How the names of exceptions begin that need none: the kit's own.
const UNNAMED: &str = "streamgauge.told.Mistake: ";

/// The frames of the author's modules and the exception, which comes last; none where it is not the author's.
pub(super) fn of_author(said: &str) -> Option<String> {
    let lines = said.lines().skip_while(|line| !line.starts_with(WITHIN));
    let lines = lines.take_while(|line| !BEHIND.contains(line));
    let mut kept = Vec::new();
    let mut is_kept = true;
    for line in lines.map(|line| line.strip_prefix(WITHIN).unwrap_or(line)) {
        if line == TRACEBACK {
            continue;
        }
        if let Some(frame) = line.strip_prefix(PROJECT) {
            is_kept = true;
            kept.push(format!("  File \"{frame}"));
        } else if line.starts_with("  File \"") {
            is_kept = false;
        } else if !line.starts_with(' ') {
            // The exception's own text, or what joins two of them.
            is_kept = true;
            kept.push(line.strip_prefix(UNNAMED).unwrap_or(line).to_owned());
        } else if is_kept {
            kept.push(line.to_owned());
        }
    }
    let text = kept.join("\n");
    let text = text.trim_end();
    // Without a traceback it is a fault of the tool, which says more about it.
    let is_authors = said.contains(&format!("{WITHIN}{TRACEBACK}"));
    (is_authors && !text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::of_author;

    const OUTER: &str = "Traceback (most recent call last):\n  File \"/bin/componentize-py\", line 8, in <module>\n    sys.exit(script())\n             \
                         ^^^^^^^^\nAssertionError: ";
    const INNER: &str = "Traceback (most recent call last):\n  File \"/1/app_reducer.py\", line 3, in <module>\n    import plugin  # noqa\n    \
                         ^^^^^^\n";
    const BEHIND: &str = "\n\nCaused by:\n    NameError\n\nStack backtrace:\n   0: <anyhow::Error>::msg\n";

    fn told(author: &str) -> Option<String> {
        of_author(&format!("{OUTER}{INNER}{author}{BEHIND}"))
    }

    #[test]
    fn frames_of_the_author_and_the_exception_are_left() {
        let name = "  File \"/0/plugin.py\", line 40, in <module>\n    nothing\nNameError: name 'nothing' is not defined";
        assert_eq!(told(name).unwrap(), name.replace("/0/", ""));
        let syntax =
            "  File \"/0/plugin.py\", line 40\n    def f(:\n          ^\nSyntaxError: invalid syntax";
        assert_eq!(told(syntax).unwrap(), syntax.replace("/0/", ""));
    }

    #[test]
    fn mistakes_that_the_kit_finds_need_neither_its_frames_nor_the_name_of_a_class() {
        let author = "  File \"/0/plugin.py\", line 9, in <module>\n    @state\n     ^^^^^\n";
        let kit = "  File \"/1/streamgauge/stored.py\", line 300, in state\n    raise Mistake(\n    ...<2 lines>...\n    )\n";
        let found = told(&format!("{author}{kit}streamgauge.told.Mistake: `A.b` has no annotation")).unwrap();
        assert_eq!(found, format!("{}`A.b` has no annotation", author.replace("/0/", "")));
        assert_eq!(
            told("streamgauge.told.Mistake: plugin.py names no sink").unwrap(),
            "plugin.py names no sink"
        );
    }

    #[test]
    fn exceptions_of_exceptions_are_all_told() {
        let text = "ZeroDivisionError: division by zero\n\nDuring handling of the above exception, another exception occurred:\n\n";
        let again = "Traceback (most recent call last):\n  File \"/0/plugin.py\", line 4, in <module>\n    f()\nValueError: no\n  two lines";
        let found = told(&format!("{text}{again}")).unwrap();
        assert!(found.starts_with(text) && found.ends_with("ValueError: no\n  two lines"), "{found}");
    }

    #[test]
    fn what_the_tool_cannot_do_itself_is_left_to_it() {
        assert_eq!(of_author("error: no such option"), None);
        assert_eq!(of_author(&format!("{OUTER}failed to parse the WIT{BEHIND}")), None);
    }
}
