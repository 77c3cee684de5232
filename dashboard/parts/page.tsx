import { Group, Stack, Title } from '@mantine/core';
import { type ReactNode, useEffect } from 'react';

/** A screen: its title, which is the window's as well, what can be done with the whole, and its parts. */
export function Page({
  title,
  actions,
  children,
}: {
  readonly title: string;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}) {
  useEffect(() => {
    document.title = `${title} · nango-temporal`;
  }, [title]);
  return (
    <Stack gap="md" maw={1280}>
      <Group justify="space-between" align="flex-start">
        <Title order={1} className="odd-name">
          {title}
        </Title>
        {actions}
      </Group>
      {children}
    </Stack>
  );
}
