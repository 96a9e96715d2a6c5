CREATE TABLE `blocks` (
	`n` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`first_id` text NOT NULL,
	`last_id` text NOT NULL,
	`oldest` integer NOT NULL,
	`newest` integer NOT NULL,
	`follows` integer,
	`ids` blob NOT NULL,
	`times` blob NOT NULL
);
--> statement-breakpoint
CREATE TABLE `facets` (
	`column` integer NOT NULL,
	`value` text NOT NULL,
	`block` integer NOT NULL,
	`count` integer NOT NULL,
	`places` blob NOT NULL,
	PRIMARY KEY(`column`, `value`, `block`)
) WITHOUT ROWID;
