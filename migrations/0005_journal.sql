CREATE TABLE `leaves` (
	`first` integer PRIMARY KEY NOT NULL,
	`entries` blob NOT NULL
);
