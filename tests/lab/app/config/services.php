<?php

return [

    'calendar' => [
        'private_key' => env('CALENDAR_PRIVATE_KEY'),
        'redirect' => env('CALENDAR_REDIRECT_URL'),
    ],

    'slack' => ['hook' => env('SLACK_WEBHOOK_URL')],

];
