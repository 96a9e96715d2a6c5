CREATE TABLE `marks` (
	`code` text PRIMARY KEY NOT NULL,
	`request` text NOT NULL,
	`tester` text NOT NULL,
	`object` text NOT NULL,
	`at` integer NOT NULL
) WITHOUT ROWID;
