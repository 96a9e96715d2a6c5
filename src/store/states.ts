/** The words that columns are limited to: apart from the tables, for the command line starts without their library. */

/** Where the review of a tester may stand. */
export const REVIEW_STATES = ['none', 'under-review', 'cleared', 'removed'] as const;

/** What a finding of a tester may be, and where it may stand. */
export const SEVERITIES = ['low', 'medium', 'high', 'critical'] as const;
export const CATEGORIES = ['safety', 'privacy', 'security', 'bias', 'copyright', 'quality', 'other'] as const;
export const FINDING_STATES = ['new', 'triaged', 'accepted', 'fixed', 'declined', 'duplicate'] as const;

/** What an operator may be. */
export const ROLES = ['operator', 'auditor', 'reviewer', 'admin'] as const;
export type Role = (typeof ROLES)[number];
