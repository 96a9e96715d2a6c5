CREATE TABLE `drills` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`at` integer NOT NULL,
	`by` text NOT NULL,
	`node` text NOT NULL,
	`outcome` text NOT NULL,
	`streams` integer NOT NULL,
	`commit_ms` integer,
	`last_byte_ms` integer,
	`first_refusal_ms` integer,
	`fault` text
);
