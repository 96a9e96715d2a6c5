CREATE TABLE `prompt_rows` (
	`n` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`request` text NOT NULL,
	`tester` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `prompt_rows_by_tester` ON `prompt_rows` (`tester`);--> statement-breakpoint
CREATE VIRTUAL TABLE `prompts` USING fts5(text, content='', contentless_delete=1, tokenize='unicode61 remove_diacritics 2');
--> statement-breakpoint
INSERT INTO `prompts`(`prompts`, rank) VALUES ('secure-delete', 1);
