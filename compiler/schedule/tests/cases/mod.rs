mod attention;
mod examples;
mod generated;
mod mathematics;
mod mixtures;
mod programs;
mod rows;
mod snapshots;
