/** The tasks that the example upstream starts with. */

export type ExampleTask = {
  readonly id: string;
  readonly title: string;
  readonly done: boolean;
  readonly assignee: { readonly name: string } | null;
  readonly updated_at: string;
  readonly deleted: boolean;
};

const TITLES = [
  'Write the release notes',
  'Answer the security questionnaire',
  'Move the backups to the new bucket',
  'Interview the second candidate',
  'Renew the domain',
  'Fix the flaky login test',
  'Prepare the quarterly review',
  'Order new badges',
  'Translate the invoice template',
  'Remove the old feature flag',
  'Check the accessibility of the signup page',
  'Update the status page',
  'Call the print shop',
  'Review the pull request on rate limits',
  'Book a room for the workshop',
  'Archive the finished projects',
  'Measure the cold start',
  'Draft the newsletter',
  'Clean up the on-call calendar',
  'Compare the hosting offers',
  'Sort the support inbox',
  'Describe the new onboarding',
  'Replace the broken monitor',
  'Plan the summer party',
  'Rotate the signing keys',
];
const PEOPLE = ['Ada', 'Grace', 'Linus', 'Margaret'];
const MINUTE_MS = 60_000;

/** 25 tasks, changed one minute apart, the last one a minute ago; every fifth belongs to nobody, every fourth is done. */
export function seedTasks(now: Date): readonly ExampleTask[] {
  return TITLES.map((title, index) => ({
    id: `task-${index + 1}`,
    title,
    done: index % 4 === 3,
    assignee: index % 5 === 4 ? null : { name: PEOPLE[index % PEOPLE.length] ?? 'Ada' },
    updated_at: new Date(now.getTime() - (TITLES.length - index) * MINUTE_MS).toISOString(),
    deleted: false,
  }));
}
