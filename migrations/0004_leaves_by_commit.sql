DROP TABLE `leaves`;--> statement-breakpoint
ALTER TABLE `acts` ADD `leaf` integer;--> statement-breakpoint
CREATE INDEX `acts_unsealed` ON `acts` (`id`) WHERE leaf is null;--> statement-breakpoint
ALTER TABLE `requests` ADD `job_used` text;--> statement-breakpoint
ALTER TABLE `requests` ADD `leaf` integer;--> statement-breakpoint
ALTER TABLE `requests` ADD `settled_leaf` integer;--> statement-breakpoint
ALTER TABLE `switches` ADD `leaf` integer;--> statement-breakpoint
ALTER TABLE `switches` ADD `released_leaf` integer;--> statement-breakpoint
CREATE INDEX `switches_unsealed` ON `switches` (`id`) WHERE leaf is null;--> statement-breakpoint
CREATE INDEX `releases_unsealed` ON `switches` (`id`) WHERE released_leaf is null and released_at is not null;