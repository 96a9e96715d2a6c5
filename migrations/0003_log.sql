CREATE TABLE `captures` (
	`request` text NOT NULL,
	`part` text NOT NULL,
	`tester` text NOT NULL,
	`at` integer NOT NULL,
	`commitment` blob NOT NULL,
	`sealed` blob,
	PRIMARY KEY(`request`, `part`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `captures_by_tester` ON `captures` (`tester`);--> statement-breakpoint
CREATE TABLE `checkpoints` (
	`size` integer PRIMARY KEY NOT NULL,
	`at` integer NOT NULL,
	`root` blob NOT NULL,
	`note` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `leaves` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`kind` text NOT NULL,
	`ref` text NOT NULL,
	`hash` blob NOT NULL
);
--> statement-breakpoint
CREATE TABLE `sealing_keys` (
	`tester` text PRIMARY KEY NOT NULL,
	`key` blob NOT NULL
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `tiles` (
	`level` integer NOT NULL,
	`n` integer NOT NULL,
	`hashes` blob NOT NULL,
	PRIMARY KEY(`level`, `n`)
) WITHOUT ROWID;
--> statement-breakpoint
ALTER TABLE `requests` ADD `output_hash` text;--> statement-breakpoint
ALTER TABLE `requests` ADD `objects` text;