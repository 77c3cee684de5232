import { Anchor, type AnchorProps } from '@mantine/core';
import { createLink, type LinkComponent } from '@tanstack/react-router';
import { type AnchorHTMLAttributes, forwardRef } from 'react';

type Props = AnchorProps & Omit<AnchorHTMLAttributes<HTMLAnchorElement>, keyof AnchorProps>;

const RoutedAnchor = createLink(forwardRef<HTMLAnchorElement, Props>((props, ref) => <Anchor ref={ref} {...props} />));

/** A link within the dashboard that looks like a link. */
export const Go: LinkComponent<typeof RoutedAnchor> = (props) => <RoutedAnchor preload="intent" {...props} />;
