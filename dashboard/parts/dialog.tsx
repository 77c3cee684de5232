import { CloseButton, Group, Modal } from '@mantine/core';
import type { ReactNode } from 'react';

/** Something over the page: named by its title, left by its button, Escape, or a click beside it. */
export function Dialog({
  title,
  isOpen,
  close,
  size = 'md',
  children,
}: {
  readonly title: string;
  readonly isOpen: boolean;
  readonly close: () => void;
  readonly size?: 'md' | 'lg' | 'xl';
  readonly children: ReactNode;
}) {
  return (
    // The library's own header would be a second banner of the page.
    <Modal.Root opened={isOpen} onClose={close} size={size} lockScroll={false} centered>
      <Modal.Overlay />
      <Modal.Content>
        <Modal.Body>
          <Group justify="space-between" wrap="nowrap" align="flex-start" py="sm">
            <Modal.Title fw={600} className="odd-name">
              {title}
            </Modal.Title>
            <CloseButton aria-label="Close" onClick={close} />
          </Group>
          {children}
        </Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}
