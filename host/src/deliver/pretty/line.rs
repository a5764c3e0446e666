//! A line of text in styles.

/// How a piece of a line looks; without colour all look alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// As text is.
    Plain,
    /// For what is there to be found, not to be read.
    Dim,
    /// For what the eye should find.
    Bold,
    /// For what is drawn.
    Drawn,
    /// For what somebody should act on.
    Alarm,
}

/// Pieces of text, one behind the other.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    pieces: Vec<(Style, String)>,
}

impl Line {
    /// Appends a piece.
    pub(super) fn push(&mut self, style: Style, text: impl Into<String>) {
        self.pieces.push((style, text.into()));
    }

    /// How many characters it has.
    pub(super) fn len(&self) -> usize {
        self.pieces.iter().map(|(_, text)| text.chars().count()).sum()
    }

    /// Appends the line and its end, cut with `…` where it is longer than `width` characters.
    pub(super) fn write(&self, out: &mut Vec<u8>, colour: bool, width: usize) {
        let is_cut = self.len() > width;
        let mut room = if is_cut { width.saturating_sub(1) } else { self.len() };
        let mut line = String::new();
        for (style, text) in &self.pieces {
            let shown: String = text.chars().take(room).collect();
            room -= shown.chars().count();
            match style.code().filter(|_| colour && !shown.is_empty()) {
                Some(code) => line.push_str(&format!("\x1b[{code}m{shown}\x1b[0m")),
                None => line.push_str(&shown),
            }
        }
        if is_cut {
            line.push('…');
        }
        out.extend_from_slice(line.trim_end().as_bytes());
        out.push(b'\n');
    }
}

impl Style {
    /// Its Select Graphic Rendition (ECMA-48).
    fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Dim => Some("2"),
            Self::Bold => Some("1"),
            Self::Drawn => Some("36"),
            Self::Alarm => Some("1;31"),
        }
    }
}
