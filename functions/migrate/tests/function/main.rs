//! Tests of the real binary with an emulated Lambda runtime and a CloudFormation that only receives
//! answers.

mod answers;
mod cloud_formation;
mod packaged;
mod settings;
mod template;
