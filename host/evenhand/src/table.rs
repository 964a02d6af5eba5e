//! Rows of words, in columns.

/// Lines whose columns are as wide as their widest word; the last is as long as it is.
pub(crate) fn table<const N: usize>(rows: impl Iterator<Item = [String; N]>) -> String {
    let rows: Vec<[String; N]> = rows.collect();
    let width = |column: usize| {
        let all = rows.iter().map(|row| row[column].chars().count());
        all.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut out = String::new();
    for row in &rows {
        let mut line = String::new();
        for (word, width) in row.iter().zip(&widths) {
            line += &format!("{word:width$}  ");
        }
        out += line.trim_end();
        out.push('\n');
    }
    out
}
