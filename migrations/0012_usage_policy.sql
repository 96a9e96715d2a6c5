CREATE TABLE `policies` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`at` integer DEFAULT (cast(unixepoch('subsec') * 1000 as integer)) NOT NULL,
	`by` text NOT NULL,
	`source` text NOT NULL,
	`sha256` text NOT NULL,
	`text` text NOT NULL,
	`diff` text NOT NULL
);
--> statement-breakpoint
ALTER TABLE `requests` ADD `policy` integer;--> statement-breakpoint
ALTER TABLE `requests` ADD `shadow` text;