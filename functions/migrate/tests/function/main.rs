//! The real binary under an emulated Lambda runtime, with a CloudFormation that only takes answers.

mod answers;
mod cloud_formation;
mod settings;
mod template;
