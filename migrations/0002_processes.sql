CREATE TABLE `confirmations` (
	`switch` integer NOT NULL,
	`node` integer NOT NULL,
	`at` integer NOT NULL,
	`calls_refused` integer NOT NULL,
	`streams_cut` integer NOT NULL,
	PRIMARY KEY(`switch`, `node`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `nodes` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`lock` text NOT NULL,
	`name` text NOT NULL,
	`started_at` integer NOT NULL,
	`sees` integer DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE TABLE `slots` (
	`tester` text NOT NULL,
	`node` integer NOT NULL,
	`calls` integer NOT NULL,
	PRIMARY KEY(`tester`, `node`)
) WITHOUT ROWID;
--> statement-breakpoint
ALTER TABLE `requests` ADD `node` integer;