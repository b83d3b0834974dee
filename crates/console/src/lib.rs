//! The web console's built files; `web/` has its sources.
