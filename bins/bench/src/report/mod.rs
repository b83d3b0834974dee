//! Formats the figures as Markdown.

mod goals;
mod parts;
mod requests;
mod vercel;

pub(crate) use self::goals::{Goal, Measured, goals};
pub(crate) use self::parts::{Delays, Firsts, cold, delays, firsts, leak, memory, spins};
pub(crate) use self::requests::{Summary, failures, generator, requests};
pub(crate) use self::vercel::{ClientRow, PlatformRow, clients, platforms};

/// Formats a table with this head and these rows.
fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let line = |cells: &str| format!("| {cells} |\n");
    let rows: String = rows.into_iter().map(|row| line(&row.join(" | "))).collect();
    format!("{}|{}\n{rows}", line(&head.join(" | ")), "---|".repeat(N))
}

/// Converts bytes to megabytes.
fn megabytes(bytes: u64) -> f64 {
    crate::stats::as_f64(bytes) / 1e6
}
