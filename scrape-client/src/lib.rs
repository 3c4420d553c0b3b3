//! scrape-client
