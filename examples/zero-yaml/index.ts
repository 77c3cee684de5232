import './task-tracker/syncs/tasks.js';
import './team-chat/actions/post-message.js';
