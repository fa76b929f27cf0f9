//! What is killed, cut or away, and what is there afterwards.

mod cuts;
