import { Tooltip } from 'bits-ui';

/**
 * Ties every {@link Tooltip} to the one {@link TooltipLayer} that shows them, so that a list with
 * hundreds of them does not carry hundreds of hidden layers.
 */
export const tooltipTether = Tooltip.createTether<string>();
