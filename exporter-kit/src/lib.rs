//! exporter-kit
