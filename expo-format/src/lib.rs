//! expo-format
