mod generated;
mod mathematics;
