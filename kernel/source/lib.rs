//! Empty: cargo needs a target to resolve the dependencies of this manifest, which are all that matters here.
