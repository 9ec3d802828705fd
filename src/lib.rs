#![allow(missing_docs)]
pub mod managed_postgres;
