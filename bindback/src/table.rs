//! Aligned plain columns.

use crate::output::clean;

/// Characters between two columns.
const GAP: &str = "  ";

/// Rows under headings; the last column is as long as it is.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(headings: &[&str]) -> Self {
        Self { rows: vec![headings.iter().map(|heading| (*heading).to_owned()).collect()] }
    }

    /// Adds a row; an empty cell is shown as a dash, so that columns can be counted.
    pub fn row(&mut self, cells: Vec<String>) {
        let cells =
            cells.iter().map(|cell| if cell.is_empty() { "-".to_owned() } else { clean(cell) });
        self.rows.push(cells.collect());
    }

    pub fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut out = String::new();
        for row in &self.rows {
            let padded: Vec<String> = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| {
                    format!("{cell}{}", " ".repeat(width.saturating_sub(cell.chars().count())))
                })
                .collect();
            out.push_str(padded.join(GAP).trim_end());
            out.push('\n');
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new(&["NAME", "STATE", "WHY"]);
        table.row(vec!["WEST".into(), "retry".into(), "access denied".into()]);
        table.row(vec!["SÜD-OST".into(), String::new(), String::new()]);
        assert_eq!(
            table.render(),
            "NAME     STATE  WHY\nWEST     retry  access denied\nSÜD-OST  -      -\n"
        );
    }
}
