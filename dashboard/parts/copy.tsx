import { Button, Code, Group } from '@mantine/core';
import { useClipboard } from '@mantine/hooks';

/** A text to take along, such as a command. */
export function Copy({ text, label = 'Copy' }: { readonly text: string; readonly label?: string }) {
  const clipboard = useClipboard({ timeout: 1_500 });
  return (
    <Group gap="xs" wrap="nowrap" align="center">
      <Code className="odd-name">{text}</Code>
      <Button
        size="compact-xs"
        variant="default"
        aria-label={`${label}: ${text}`}
        onClick={() => clipboard.copy(text)}
        style={{ flex: 'none' }}
      >
        {clipboard.copied ? 'Copied' : label}
      </Button>
    </Group>
  );
}
